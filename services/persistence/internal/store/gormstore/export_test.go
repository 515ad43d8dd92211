package gormstore

// Classify is classify, for tests.
func Classify(err error) error { return classify(err, err) }
