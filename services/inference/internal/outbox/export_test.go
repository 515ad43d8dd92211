package outbox

import "errors"

// IsDamage says whether an error of opening a file is taken for damage of it.
func IsDamage(err error) bool { return errors.Is(damage(err), errDamaged) }
