import pytest

from attention_zoo import dynamics


def test_paradigms_have_names():
    for name in ("soft", "hard", "lvml"):
        one = dynamics.get(name)
        assert one.name == name and dynamics.get(one) is one
    for wrong in ("gumbel", None, 3, ["soft"]):
        with pytest.raises(ValueError, match="^paradigm is .*, expected one of .*'lvml', 'soft'"):
            dynamics.get(wrong)
