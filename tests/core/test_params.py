"""core.params: one declaration, read by everyone; and bad values that are explained, whatever they are."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict

from modules.core.errors import EaselError, InvalidRequest
from modules.core.params import STRICT, Param, adapter, from_dict, is_optional, literal_names, named, to_dict, value_of, walk, with_values

Glaze = Literal["none", "salt", "ash"]


@dataclass(frozen=True, kw_only=True)
class Kiln:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    heat: Annotated[float, Param("Heat", 0, 1300, 0.5, text="Kiln heat", hint="Degrees.")] = 900.0
    hold: Annotated[int | None, Param("Hold", 0, 60, flag="hold-minutes")] = None


@dataclass(frozen=True, kw_only=True)
class Pot:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    name: Annotated[str, Param("Name", max_length=12)] = ""
    height: Annotated[int, Param("Height", 1, 99, 1, usual=40)] = 10
    glaze: Annotated[Glaze, Param("Glaze")] = "none"
    clay: Annotated[str, Param("Clay", choices=lambda: ["red", "white"])] = "red"
    marks: Annotated[dict[str, str], Param("Marks")] = field(default_factory=dict)
    fired: Annotated[bool, Param("Fired")] = False
    kiln: Kiln = field(default_factory=Kiln)


POTS = st.builds(
    Pot,
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    height=st.integers(1, 99),
    glaze=st.sampled_from(literal_names(Glaze)),
    marks=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])), max_size=3),
    fired=st.booleans(),
    kiln=st.builds(Kiln, heat=st.floats(0, 1300), hold=st.none() | st.integers(0, 60)),
)


class TestWalk:
    def test_every_parameter_in_the_order_of_its_declaration(self) -> None:
        assert [one.name for one in walk(Pot)] == ["name", "height", "glaze", "clay", "marks", "fired", "kiln.heat", "kiln.hold"]

    def test_what_a_face_reads(self) -> None:
        heat, hold, marks = named(Pot, "kiln.heat"), named(Pot, "kiln.hold"), named(Pot, "marks")
        assert (heat.type, heat.default, heat.flag, heat.param.text, heat.param.step) == (float, 900.0, "kiln-heat", "Kiln heat", 0.5)
        assert (hold.flag, is_optional(hold.type), is_optional(heat.type)) == ("hold-minutes", True, False)
        assert marks.default == {} and marks.default is not Pot().marks
        assert named(Pot, "clay").param.names() == ["red", "white"]
        assert literal_names(named(Pot, "glaze").type) == ["none", "salt", "ash"]
        assert literal_names(str) == named(Pot, "name").param.names() == []

    def test_values(self) -> None:
        assert [value_of(Pot(), one) for one in walk(Pot)] == [one.default for one in walk(Pot)]
        assert value_of(Pot(kiln=Kiln(heat=5)), named(Pot, "kiln.heat")) == 5

    def test_a_field_that_is_not_declared_is_a_mistake_of_ours(self) -> None:
        @dataclass
        class Loose:
            size: int = 3

        Loose.__annotations__["size"] = int
        with pytest.raises(TypeError, match=r"Loose\.size"):
            walk(Loose)

    def test_an_unknown_name_is_refused(self) -> None:
        for name in ("kiln", "kiln.", "", "heat", "__class__"):
            with pytest.raises(InvalidRequest) as caught:
                named(Pot, name)
            assert caught.value.field == name

    def test_the_limits_are_in_the_schema_of_the_api(self) -> None:
        schema = adapter(Pot).json_schema()
        assert schema["properties"]["height"] == {"default": 10, "maximum": 99, "minimum": 1, "title": "Height", "type": "integer"}
        assert schema["properties"]["glaze"]["enum"] == ["none", "salt", "ash"]
        assert schema["additionalProperties"] is False and schema["$defs"]["Kiln"]["additionalProperties"] is False


class TestRoundTrip:
    @given(POTS)
    def test_through_json_and_back_is_the_same(self, pot: Pot) -> None:
        assert from_dict(Pot, json.loads(json.dumps(to_dict(pot)))) == pot

    @given(POTS, POTS)
    def test_with_all_values_of_another_is_the_other(self, pot: Pot, other: Pot) -> None:
        assert with_values(pot, {one.name: value_of(other, one) for one in walk(Pot)}) == other

    def test_one_nested_value_changes_and_nothing_else_does(self) -> None:
        pot = Pot(name="vase")
        changed = with_values(pot, {"kiln.heat": 5, "height": "7"})
        assert changed == dataclasses.replace(pot, height=7, kiln=Kiln(heat=5.0))
        assert pot == Pot(name="vase")
        assert with_values(pot, {}) == pot

    def test_missing_values_are_the_defaults(self) -> None:
        assert from_dict(Pot, {}) == Pot()
        assert from_dict(Pot, {"kiln": {"hold": None}}) == Pot()


class TestRefusal:
    @pytest.mark.parametrize(
        ("data", "name", "remedy"),
        [
            ({"height": 0}, "height", "Give 1 or more."),
            ({"height": 100}, "height", "Give 99 or less."),
            ({"height": 1.5}, "height", "Give a whole number."),
            ({"height": "tall"}, "height", "Give a whole number."),
            ({"kiln": {"heat": "hot"}}, "kiln.heat", "Give a number."),
            ({"kiln": {"heat": float("nan")}}, "kiln.heat", "Give a finite number."),
            ({"kiln": {"heat": float("inf")}}, "kiln.heat", "Give a finite number."),
            ({"kiln": {"heat": "-inf"}}, "kiln.heat", "Give a finite number."),
            ({"glaze": "gold"}, "glaze", "Give one of 'none', 'salt' or 'ash'."),
            ({"fired": "perhaps"}, "fired", "Give true or false."),
            ({"name": 5}, "name", "Give a text."),
            ({"name": "x" * 13}, "name", "Shorten it to 12 characters."),
            ({"hight": 5}, "hight", "Check its spelling."),
            ({"kiln": {"hight": 5}}, "kiln.hight", "Check its spelling."),
            ({"{ge}": 5}, "{ge}", "Check its spelling."),
        ],
    )
    def test_the_field_its_value_and_what_to_do_are_named(self, data: dict[str, Any], name: str, remedy: str) -> None:
        with pytest.raises(InvalidRequest) as caught:
            from_dict(Pot, data)
        error = caught.value
        assert (error.field, error.remedy) == (name, remedy)
        assert name in error.what
        assert error.as_dict() == {"error": "InvalidRequest", "detail": error.what, "field": name, "remedy": remedy}

    def test_a_long_value_is_shown_short(self) -> None:
        with pytest.raises(InvalidRequest) as caught:
            from_dict(Pot, {"name": "x" * 100_000})
        assert len(str(caught.value)) < 300

    @pytest.mark.parametrize(
        "data", [None, [], "pot", 5, b"pot", {1: 2}, {"kiln": None}, {"kiln": []}, {"marks": []}, {"marks": {"a": 1}}, {"name": None}, {"name": "\ud800"}]
    )
    def test_whatever_it_is_it_is_refused_in_words(self, data: Any) -> None:
        with pytest.raises(InvalidRequest) as caught:
            from_dict(Pot, data)
        assert str(caught.value)

    @pytest.mark.parametrize("where", ["name", "height", "kiln", "marks"])
    def test_what_python_itself_cannot_show_is_refused_in_words_too(self, where: str) -> None:
        nested: Any = []
        for _ in range(100_000):
            nested = [nested]
        for value in (nested, 10**5000):
            with pytest.raises(InvalidRequest):
                from_dict(Pot, {where: value})

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([one.path[0] for one in walk(Pot)]), inner),
        )
    )
    def test_any_data_is_a_pot_or_an_error_of_ours(self, data: Any) -> None:
        try:
            assert isinstance(from_dict(Pot, data), Pot)
        except EaselError as error:
            assert error.what

    def test_with_values_checks_all_of_it(self) -> None:
        for values in ({"height": 0}, {"kiln.heat": "x"}, {"nope": 1}, {"kiln": Kiln()}):
            with pytest.raises(InvalidRequest):
                with_values(Pot(), values)
