"""The small Markdown: what the runbooks use is rendered, everything else is text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healer.web.markdown import render
from tests.healer.web.test_pages import reads


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("", ""),
        ("# One\n## Two", "<h1>One</h1>\n<h2>Two</h2>"),
        ("one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>"),
        ("- a\n- b\n  goes on", "<ul><li>a</li><li>b goes on</li></ul>"),
        ("text\n- a", "<p>text</p>\n<ul><li>a</li></ul>"),
        ("- a\n  - b", '<ul><li>a</li><li class="in">b</li></ul>'),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("```\n<b> **x**\n```", "<pre><code>&lt;b&gt; **x**</code></pre>"),
        ("```sh\nnever closed", "<pre><code>never closed</code></pre>"),
        ("a `b <c>` d", "<p>a <code>b &lt;c&gt;</code> d</p>"),
        ("**a `b`**", "<p><strong>a <code>b</code></strong></p>"),
        ("[a](https://b.c/)", '<p><a href="https://b.c/">a</a></p>'),
        ("[a](NodeDown.md)", '<p><a href="/runbooks/NodeDown">a</a></p>'),
        ("[a](javascript:alert(1))", "<p>a)</p>"),
        ("[a](//b.c/)", "<p>a</p>"),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>"),
    ],
)
def test_source_becomes(source: str, html: str) -> None:
    assert render(source) == html


def test_a_table_has_heads_and_rows() -> None:
    html = render("| a | b |\n|---|---|\n| `1` | 2 |")
    assert html == (
        '<table><thead><tr><th scope="col">a</th><th scope="col">b</th></tr></thead>'
        "<tbody><tr><td><code>1</code></td><td>2</td></tr></tbody></table>"
    )


@given(st.text("#-*`|[]()<>&\n ab1.", max_size=200))
def test_whatever_is_written_gives_html_that_a_browser_reads_as_we_do(source: str) -> None:
    reads(render(source))


@pytest.mark.parametrize("piece", ["**", "`", "[", "[a](", "|-", "- ", "\n", "**`", "*" * 3])
def test_a_hundred_thousand_characters_of_half_markup_come_to_an_end(piece: str) -> None:
    reads(render(piece * (100_000 // len(piece))))
