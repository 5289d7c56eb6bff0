//go:build unix && !linux

package meter

func (p *process) askProc() {}
