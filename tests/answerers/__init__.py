"""What answers steps about what is kept, counted, held and used: one contract, run against each that there is."""

import pytest

pytest.register_assert_rewrite("answerers.contract")
