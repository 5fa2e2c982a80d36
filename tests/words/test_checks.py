import pytest

from carbonshed.checks import ConservationError, InputError, check_columns, check_conserved, choose, examples


def test_examples_are_counted():
    assert examples([1, 2, 3]) == "1, 2, 3"
    assert examples(range(8)) == "0, 1, 2, 3, 4 and 3 more"


def test_an_option_names_its_nearest():
    assert choose("exact", ["centre", "exact"], where="coverage") == "exact"
    with pytest.raises(InputError, match=r"coverage: expected one of centre, exact; got 'centr'. Did you mean 'centre'\?"):
        choose("centr", ["centre", "exact"], where="coverage")


def test_missing_columns_come_all_at_once():
    check_columns(["a", "b"], ["a"], where="t")
    with pytest.raises(InputError, match="gdp_yuan, population") as caught:
        check_columns(["gdp_yaun", "x"], ["gdp_yuan", "population"], where="counties")
    assert "'gdp_yaun'" in str(caught.value) and caught.value.problems[0].as_dict()["code"] == "missing_column"


def test_conservation():
    assert check_conserved(0, 0, what="x") == 0
    assert check_conserved(1e9, 1e9 + 0.1, what="x") == pytest.approx(1e-10)
    for after in (1.001, float("nan")):
        with pytest.raises(ConservationError, match="total was"):
            check_conserved(1.0, after, what="sink")
