"""A conversion that answers something else than the model is never packaged."""

import broken_conversion
import pytest
from futurisys_training import __main__ as command


def test_broken_conversion_is_not_packaged():
    with pytest.raises(ValueError, match="the graph differs from the model by 0"):
        command.train(broken_conversion.DATA, broken_conversion.RELEASE)
