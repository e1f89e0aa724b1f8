"""What the files did to a text, undone."""

import pytest

from w2v.text.cleaning import clean_ag_news


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Mickelson #39;s day", "Mickelson's day"),
        ("#39;Batman' and  quot;Red quot;", "'Batman' and \"Red\""),
        ("Standard  amp; Poor's, AT #38;T", "Standard & Poor's, AT&T"),
        ("for  #36;3 billion", "for $3 billion"),
        ("match with a &lt;b&gt;...&lt;/b&gt; It was", "match with a ... It was"),
        ('Corp. &lt;A HREF="http://x"&gt;X.N&lt;/A&gt; on', "Corp. X.N on"),
        ("dwindling\\band of\\\\ultra \\$5", "dwindling band of ultra $5"),
        ("deal #151;a caf #233; quot;", 'deal—a café"'),
        ("&amp;lt;p&amp;gt; 3 &lt; 4", "3 < 4"),
        ("he did his part; the real; 7; days", "he did his part; the real; 7; days"),
    ],
)
def test_news_loses_codes_tags_and_backslashes_but_no_words(text, clean):
    assert clean_ag_news(text) == clean
