package suite

// Arithmetic on numbers that must not be told by time: no branch, no index and
// no division depends on them. Numbers are lengths and positions in a record,
// so all differences fit into 31 bits. A mask is all ones or zero.

// maskLess is all ones where a < b.
func maskLess(a, b int) int { return (a - b) >> (intBits - 1) }

// maskEqual is all ones where a == b.
func maskEqual(a, b int) int { return ^(maskLess(a, b) | maskLess(b, a)) }

// pick is a where mask is all ones, b where it is zero.
func pick(mask, a, b int) int { return b ^ (mask & (a ^ b)) }

const intBits = 32 << (^uint(0) >> 63)
