"""Texts of manifests, written by hand: what YAML and JSON have of odd forms."""

from __future__ import annotations

HEAD = "apiVersion: v1\nkind: X\nmetadata: {annotations: {}}\n"
JSON = '{"apiVersion":"v1","kind":"X","metadata":{"annotations":{}}'
SCALARS = [
    "0o644", "0644", "0x1F", "0X1f", "0b101", "0B11", "-0b11", "0b-1", "0b+1", "-0b-1", "+5", "-5",
    "1_000", "1_", "+_1", "0_8", "08", "0o8", "1e3", "1E3", "1.5e3", "1e400", "1e21", "1e20",
    "123456789012345678", "9223372036854775807", "9223372036854775808", "18446744073709551615",
    "18446744073709551616", "-9223372036854775809", "99999999999999999999999999", ".5", "._5",
    ".1_0", ".1_", ".5e3", ".", ".e3", "5.", "5.e2", "1.0", "-1.0", "-0", "-0.0", ".inf", "+.inf",
    ".nan", "-.Inf", "inf", "nan", "y", "Y", "n", "N", "yes", "on", "off", "Off", "~", "null",
    "Null", "NULL", "nULL", "True", "tRUE", "22:30", "1:2:3", "2026-01-02", "2026-1-2",
    "2026-13-02", "2026-01-02T10:00:00Z", "=", "<<", "<<:", "-", "+", "--", "1-2", "!!str", "!!int",
    "!foo", "@", "`", "%x", ",a", "[a:b]", "{a:1}", "[a,]", "[,]", "{a,b}", "{a}", "a:b", "a#b",
    "''", "''''", "|", ">", "|2", "*a", "&a", '&a\xa0b', "0x1_0", "0x", "0b", "0o", "0xg", "1e5_0",
    "1_0.5", "1.5_", "1__0", "0.1", "1e-7", "1.7976931348623157e308", "5.755686698655898e+16",
    "5e-324", "12e03", "0e0",
    "00", "01", "0_1", "0o1_7", "0b1_0", "07_7", "1e", "1e+", "1.2.3", "0.0", "1_000.5", "-_5",
    "--5", "+-5", "0x-5", "-0x5", "+0o7", "-0o7", "-017", "0b2", "+.5", "-.5", "+.", "-.e1",
    "1,000", "1e1000000", "0777777777777777777777777", "0xFFFFFFFFFFFFFFFF", "0xFFFFFFFFFFFFFFFFF",
    "-0x8000000000000000", "-0x8000000000000001", "http://x:80/", "a,b", 'a\u2028b', '\x85',
    '\ud7ff', "!!str 5", "!!int '5'", "!!int abc", "!!int 5.0", "!!float 5",
    "!!float 18446744073709551615", "!!float 1e400", "!!bool yes", "!!bool x", "!!null ''",
    "!!null x", "!!binary aGk=", "!!binary a", "!!binary /w==", "!foo x", "! '5'",
    "!!timestamp 2026-01-02", "!!timestamp x", "!!set {}", "!!map 5", "!!merge x", "!!omap []",
    "!<tag:yaml.org,2002:int> 5", "!!int null", "&a b", "&a [*a]", "? a", "a b", "a #b", "a: b",
    '"\\u00e9"', '"\\ud83d\\ude00"', '"\\x41"', '"\\U0001F600"', '"\\e\\a\\_\\N\\0"', '"\\q"',
    '"a\tb"', 'a\tb', '\ta', '>-\n  a\n  b', '|+\n  a\n\n', '|\n  a\n  ---\n  b', "'a\n\n  b'",
    '"a\n---\nb"', 'a\n\n  b', "[a]b", '[a, {b: c}, "d":e, f: ]', "{? a}", "[? a : b]",
    "{1.5: a, true: b, y: c, 1e6: d, 2026-01-02: e}", "{null: a}", "{[a]: b}", "{? {a: b} : c}",
    "{<<: {a: 1}, a: 2}", "{a: 2, <<: {a: 1, b: 3}}", "{<<: [{a: 1}, {a: 2, b: 3}]}", "{<<: null}",
    "{<<: 5}", "{'<<': 5}", "{a: 1, a: 2}",
]  # fmt: skip
"""What may stand behind a key, or before a colon."""

TEXTS = [
    *(f"{HEAD}v: {scalar}\n" for scalar in SCALARS),
    *(f"{HEAD}v: {{{scalar}: 1}}\n" for scalar in SCALARS),
    *(f"{HEAD}{scalar}: 1\n" for scalar in SCALARS),
    *(f'{JSON},"v":{scalar}}}' for scalar in SCALARS),
    *(
        f"{HEAD}v: {flow}\n"
        for flow in ("{a: !foo, b: 1}", "{a: !foo , b: 1}", "[!!str, a]", "[! , a]", "[é, !, a]")
    ),
    f"{JSON}}}{JSON}}}",
    f"{JSON}}}\n---\n{HEAD}",
    f"{JSON}}}\n---\n{JSON}}}\n---\n{JSON}}}",
    f"{JSON}}}{JSON}}}\n---\n{HEAD}",
    f'{JSON},"v":"\\ud83d\\ude00"}}',
    f'{JSON},"v":"\\ud83d"}}',
    f'{JSON},"v":1,"v":2}}',
    *(f"{JSON}}}{after}" for after in (" 5", " null", "\nx", " # c\n", "\n# c\n", "\n[")),
    f"{JSON}}} {HEAD}",
    f"{JSON},}}",
    " " * 5000 + f"{JSON}}}",
    " " * 5000 + f"{JSON},}}",
    "\ufeff" + HEAD,
    "\ufeff" + f"{JSON}}}{JSON}}}",
    f"\ufeff---\n{HEAD}",
    f"{HEAD}---\n\ufeff{HEAD}",
    f"{HEAD}...\n{HEAD}",
    f"{HEAD}...\n---\n{HEAD}",
    f"%YAML 1.1\n---\n{HEAD}",
    *(f"{HEAD}---{after}\n{HEAD}" for after in ("", " foo", " # c", "\t", "-", "\r", " {a: b}")),
    *("---", "", "\n", "# c", "---\n---\n", "[1]", "text", "5", "null"),
    *("{}", "{a}", "{a: 1}", "\x00"),
    HEAD.replace("\n", "\r\n"),
    HEAD.replace("\n", "\r"),
    f"\t{HEAD}",
    f"{HEAD}v:\n\t- 1\n",
    f"{HEAD}v: &a {{x: 1, y: 2}}\nw: {{y: 3, <<: *a, x: 5}}\n",
    f"{HEAD}v: &a 1\nw: &a 2\nx: *a\n",
    f"{HEAD}a: &k 5\n*k : 1\n",
    f"{HEAD}&k key: *k\n",
    f"{HEAD}{'a' * 1030}: 1\n",
    f"{HEAD}v: {'[' * 12000}{']' * 12000}\n",
    *(f"apiVersion: v1\nkind: List\nitems: {items}\n" for items in (
        "null", "[]", "{}", "5", "[5]", "[null]", f"[{JSON}}}]", "[{kind: A, metadata: {}}]",
        "[{kind: List, apiVersion: v1, items: []}]", "[{kind: 5, apiVersion: v1}]",
    )),
    *(f"apiVersion: v1\nkind: ConfigMapList\nitems: {items}\n" for items in (
        "[{metadata: {name: a}}, {kind: '', data: {a: 1e3}}]", "[null]", "[{kind: Y}]",
        "[{apiVersion: v2}]", "[{kind: Y, apiVersion: v2, items: null}]",
    )),
    "apiVersion: v1\nkind: X\nitems: null\n",
]  # fmt: skip
