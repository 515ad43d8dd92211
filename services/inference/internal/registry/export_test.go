package registry

// ResidentBytes is residentBytes, for tests.
func ResidentBytes() int64 { return residentBytes() }
