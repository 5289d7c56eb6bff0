freeradius -f -l stdout -xx -d {{.Dir}}
