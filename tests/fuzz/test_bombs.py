"""Small inputs that ask for much: time, depth and memory are bounded by an input's length."""

import json
import tracemalloc
from base64 import b64encode
from collections.abc import Iterator

import pytest

from tests.fuzz.target import Target, check, written
from tests.fuzz.targets import TARGETS, ids
from tests.kit.bundles import KEY, bag, bundle, new_mac, plain

REPEATED = (
    b"[", b"{", b'{"a":', b'[{"a":', b"(", b'"', b"'", b"\\", b"\\n", b"\n", b"\r", b" ", b"\t",
    b"\0", b"\xff", b"a", b"9", b"a=", b"=", b"a: ", b"- ", b"? ", b": ", b"#", b"|\n", b"&a ",
    b"*a ", b"!a ", b"%a\n", b"${a}", b"a=b\n", b"a.", b"a-", b"%", b",", b"@", b"0:", b"<<: ",
    b"-----BEGIN ", b"-----BEGIN A-----", b"-----END A-----", b"-----", b"\x30\x80", b"\x24\x80",
    b"\x30\x82\x10\x00", b"1e9", b"\xed\xa0\x80", b"\\ud800", b"*", b"?", b"[!", b"[a-",
)  # fmt: skip


def bombs(target: Target) -> Iterator[bytes]:
    """Return each text again and again: in place of a seed's body, and in the middle of it."""
    room = target.longest - max(map(len, target.seeds))
    for number, text in enumerate(REPEATED):
        seed = target.seeds[number % len(target.seeds)]
        opening, blank, body = seed.partition(b"\n\n")
        head = opening + blank if blank else b""
        half = seed[: len(seed) - len(body or opening) // 2]
        yield head + text * (room // len(text))
        yield half + text * (room // len(text)) + seed[len(half) :]


@pytest.mark.filterwarnings("ignore")  # libraries warn of odd input
@pytest.mark.parametrize("target", TARGETS.values(), ids=ids)
def test_no_bomb_goes_off(target: Target) -> None:
    """Depth, repetition and unclosed brackets end in a refusal, in time."""
    for bomb in bombs(target):
        check(target, bomb)


def laughs(merge: str) -> bytes:
    """Return a YAML document whose each line holds the former one ten times."""
    lines = ["a0: &a0 {x: y}"]
    for number in range(1, 40):
        aliases = ", ".join([f"*a{number - 1}"] * 10)
        lines.append(f"a{number}: &a{number} {merge.format(aliases)}")
    return "\n".join(lines).encode()


MERGES, ALIASES = laughs("{{<<: [{0}]}}"), laughs("[{0}]")
KUBECONFIG = b64encode(MERGES).decode()
MEGABYTE = 1024 * 1024
GREEDY = {
    "merged YAML in a kubeconfig": ("kubeconfig", MERGES),
    "aliased YAML in a kubeconfig": ("kubeconfig", ALIASES),
    "merged YAML from Azure": (
        "managed-cluster",
        written(json.dumps({"kubeconfigs": [{"value": KUBECONFIG}]})),
    ),
    "merged YAML in a value": ("yaml", written(MERGES.decode())),
    "lists in a value": ("json", written('{"a":[' + "[]," * 8000 + "[]]}")),
    "members of a value": ("json", written(json.dumps(dict.fromkeys(map(str, range(3000)), "")))),
    "a path of dots": ("json", written("{}", path="." * 20_000)),
    "an event of members": ("event", json.dumps(dict.fromkeys(map(str, range(6000)), 0)).encode()),
    "a Secret of lists": ("secret", b'{"kind":[' + b"[]," * 20_000 + b"[]]}"),
    "a seal of megabytes": ("pkcs12", bundle(plain(bag(1, KEY)), mac=new_mac(1, 2**30))),
    "a bundle of bags": ("pkcs12", bundle(plain(*[bag(1, b"\x30\0")] * 800))),
    "a template of width": ("settings", b"SYNC_NAMESPACE={project:>999999999999}"),
    "a pattern of repeats": ("settings", b"SYNC_VAULT_PATTERN=((a{999}){999}){999}"),
    "clusters of nothing": ("clusters", b"[" + b"{}," * 1300 + b"{}]"),
}


@pytest.mark.filterwarnings("ignore")  # libraries warn of odd input
@pytest.mark.parametrize(("name", "bomb"), GREEDY.values(), ids=GREEDY)
def test_no_input_takes_memory_beyond_its_length(name: str, bomb: bytes) -> None:
    """The peak is within 400 bytes for each of the input's, and a few megabytes."""
    target = TARGETS[name]
    check(target, target.seeds[0])  # what is imported and cached on the way is no input's
    tracemalloc.start()
    try:
        check(target, bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MEGABYTE + 400 * len(bomb)
