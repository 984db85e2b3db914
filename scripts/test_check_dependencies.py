"""Tests of check_dependencies: which imports make a circle, and which do not."""

import os
import pathlib
import tempfile
import unittest

import check_dependencies as rules


class Circles(unittest.TestCase):
    """Each test writes a small crate and looks at the circles among its files."""

    def circles(self, **files: str) -> list[list[str]]:
        with tempfile.TemporaryDirectory() as folder:
            before = os.getcwd()
            os.chdir(folder)
            try:
                for name, text in files.items():
                    path = pathlib.Path("src", name.replace("__", "/") + ".rs")
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(text, encoding="utf-8")
                sources = [p.as_posix() for p in pathlib.Path("src").rglob("*.rs")]
                return rules.circles(rules.Crate("src", sources).graph())
            finally:
                os.chdir(before)

    def test_two_files_that_use_each_other_are_a_circle(self):
        found = self.circles(lib="mod a;\nmod b;\n", a="use crate::b::B;\n", b="use crate::{a::A, other::C};\n")
        self.assertEqual(found, [["src/a.rs", "src/b.rs"]])

    def test_one_direction_is_none(self):
        self.assertEqual(self.circles(lib="mod a;\nmod b;\n", a="use crate::b::B;\n", b="pub struct B;\n"), [])

    def test_a_re_export_is_followed_to_the_file_that_defines_the_name(self):
        found = self.circles(
            lib="mod a;\n", a__mod="mod one;\nmod two;\npub use one::One;\n", a__one="use super::two::Two;\n",
            a__two="use super::One;\n",
        )
        self.assertEqual(found, [["src/a/one.rs", "src/a/two.rs"]])

    def test_a_child_may_use_what_its_parent_re_exports(self):
        found = self.circles(
            lib="mod a;\n", a__mod="mod one;\nmod two;\npub use one::One;\nuse two::Two;\n", a__one="pub struct One;\n",
            a__two="use super::One;\n",
        )
        self.assertEqual(found, [])

    def test_a_child_must_not_use_what_a_parent_defines_that_uses_it(self):
        found = self.circles(
            lib="mod a;\n", a__mod="mod one;\nuse one::One;\npub struct Shared;\n", a__one="use super::Shared;\n"
        )
        self.assertEqual(found, [["src/a/mod.rs", "src/a/one.rs"]])

    def test_paths_within_code_count(self):
        found = self.circles(
            lib="mod a;\nmod b;\n", a="fn f() { crate::b::g() }\n", b="pub fn g() { super::a::h() }\n"
        )
        self.assertEqual(found, [["src/a.rs", "src/b.rs"]])

    def test_comments_strings_and_tests_do_not_count(self):
        found = self.circles(
            lib="mod a;\nmod b;\n", a="use crate::b::B;\n",
            b='// use crate::a::A;\nconst X: &str = "crate::a::A";\n'
              "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n    fn f() { let x = 1; }\n}\n",
        )
        self.assertEqual(found, [])

    def test_a_ring_of_three_is_found(self):
        found = self.circles(
            lib="mod a;\nmod b;\nmod c;\n", a="use crate::b::B;\n", b="use crate::c::C;\n", c="use crate::a::A;\n"
        )
        self.assertEqual(found, [["src/a.rs", "src/b.rs", "src/c.rs"]])


class Trees(unittest.TestCase):
    """Use trees are taken apart."""

    def test_groups_and_aliases(self):
        found = list(rules.paths_of("crate::{a::{self, b as c}, d}"))
        self.assertEqual(found, [["crate", "a", "self"], ["crate", "a", "b"], ["crate", "d"]])


if __name__ == "__main__":
    unittest.main()
