"""Texts that try to be more than text. Whatever place shows one: nothing runs, and its words can be read.

`__ran(1)` is what an attack would call, evil.invalid what it would ask for something, and a heron is always readable.
"""

from __future__ import annotations

from dataclasses import dataclass

BOOM = "__ran(1)"
IMAGE = f"<img src=x onerror={BOOM}>"
SCRIPT = f"<script>{BOOM}</script>"
LAUGH = "".join(rf"\def\{two}{{\{one}\{one}\{one}\{one}}}" for one, two in zip("abcdefgh", "bcdefghi", strict=True))
DOUBLING = r"\sideset{_a}{_b}{" * 18 + "x" + "}" * 18


@dataclass(frozen=True)
class Payload:
    name: str
    text: str
    shown: str = ""  # what must be readable of it; all of it, as it is written, where this is empty

    @property
    def words(self) -> str:
        return " ".join((self.shown or self.text).split())


def raw(**texts: str) -> list[Payload]:
    """Payloads that must be readable to the last character."""
    return [Payload(name.replace("_", " "), text) for name, text in texts.items()]


SCRIPTS = raw(
    script=SCRIPT,
    script_in_mixed_case=f'<ScRiPt type="module">{BOOM}</sCrIpT>',
    script_from_elsewhere="<script src=//evil.invalid/a.js></script>",
    script_with_a_slash=f"<script/heron>{BOOM}</script >",
    script_half_open=f"<script>{BOOM} heron",
    script_after_a_bracket=f"<<script>{BOOM};//<</script>",
    script_in_a_word=f"<scr<script>ipt>{BOOM}</scr</script>ipt>",
    import_map='<script type="importmap">{"imports": {"heron": "//evil.invalid/a.js"}}</script>',
    speculation='<script type="speculationrules">{"prefetch": [{"urls": ["//evil.invalid/"]}]}</script>',
    closing_the_page=f"</p></div></fieldset></form></main>{SCRIPT}",
    closing_a_field=f"</textarea></title></style></option></select>{SCRIPT}",
    closing_an_attribute=f"'\"></a>{SCRIPT}",
)

HANDLERS = raw(
    image_error=IMAGE,
    image_error_half_open=f'<img src=x onerror="{BOOM}"//',
    image_error_with_odd_spaces=f"<img\tsrc=x\x0conerror\v=\v{BOOM}>",
    image_error_without_spaces=f"<img/src=x/onerror={BOOM}>",
    image_with_a_broken_quote=f'<img """>{SCRIPT}">',
    page_load=f"<body onload={BOOM}>",
    toggle=f"<details open ontoggle={BOOM}>heron</details>",
    focus=f"<input autofocus onfocus={BOOM}>",
    focus_of_anything=f"<heron tabindex=1 contenteditable autofocus onfocus={BOOM}>",
    media_source=f"<video><source onerror={BOOM}></video>",
    marquee=f"<marquee onstart={BOOM}>heron</marquee>",
    mouse=f"<a href=# onmouseover={BOOM} onclick={BOOM}>heron</a>",
    animation=f"<p style=animation-name:spin onanimationstart={BOOM}>heron</p>",
    popover=f"<button popovertarget=pop>heron</button><div popover id=pop onbeforetoggle={BOOM}>x</div>",
)

FOREIGN = raw(
    svg_load=f"<svg onload={BOOM}>",
    svg_load_with_a_slash=f"<svg/onload={BOOM}//heron",
    svg_script=f"<svg><script>{BOOM}</script></svg>",
    svg_script_from_elsewhere='<svg><script href="//evil.invalid/a.js"/></svg>',
    svg_link=f'<svg><a xlink:href="javascript:{BOOM}"><text y=9>heron</text></a></svg>',
    svg_animated_link=f"<svg><a><animate attributeName=href values=javascript:{BOOM} /><text>heron</text></a></svg>",
    svg_foreign_object=f'<svg><foreignObject><iframe srcdoc="{SCRIPT}"></iframe></foreignObject></svg>',
    svg_use='<svg><use href="data:image/svg+xml,<svg id=x onload=__ran(1)>#x"/></svg>',
    math_script=f"<math><mtext>{SCRIPT}</mtext></math>",
    math_link=f'<math href="javascript:{BOOM}"><mi>heron</mi></math>',
    math_action=f'<math><maction actiontype="statusline" xlink:href="javascript:{BOOM}">heron</maction></math>',
    math_annotation=f'<math><annotation-xml encoding="text/html">{IMAGE}</annotation-xml></math>',
)

# What a parser makes of these once is not what it makes of the result.
MUTATIONS = raw(
    mutation_by_table=f'<math><mtext><table><mglyph><style><!--</style><img title="-->{IMAGE}">',
    mutation_by_style=f'<svg></p><style><a id="</style>{IMAGE}">',
    mutation_by_noscript=f'<noscript><p title="</noscript>{IMAGE}">',
    mutation_by_form=f"<form><math><mtext></form><form><mglyph><style></math>{IMAGE}",
    mutation_by_template=f'<select><template><style><!--</style><a rel="--></style></template></select>{IMAGE}">',
    mutation_by_noembed=f"<svg><desc><noembed><style></noembed>{IMAGE}</style>",
    mutation_by_xmp=f'<xmp><p title="</xmp>{IMAGE}">',
    mutation_by_iframe=f'<iframe><p title="</iframe>{IMAGE}">',
    mutation_by_select=f"<select><svg><style></select>{IMAGE}",
    shadow_root=f"<div><template shadowrootmode=open>{IMAGE}</template></div>",
)

LINKS = [
    *raw(
        link_to_script=f"[heron](javascript:{BOOM})",
        link_in_mixed_case=f"[heron](JaVaScRiPt:{BOOM})",
        link_in_angles=f"[heron](<javascript:{BOOM}>)",
        link_with_a_newline=f"[heron](java\nscript:{BOOM})",
        link_with_a_control=f"[heron](\x01javascript:{BOOM})",
        link_to_vbscript="[heron](vbscript:msgbox(1))",
        link_to_data="[heron](data:text/html;base64,PHNjcmlwdD5fX3JhbigxKTwvc2NyaXB0Pg==)",
        link_to_an_svg=f"[heron](data:image/svg+xml,%3Csvg%20onload={BOOM}%3E)",
        link_to_a_file="[heron](file:///etc/passwd)",
        link_to_a_blob="[heron](blob:https://evil.invalid/1)",
        link_without_scheme="[heron](//evil.invalid/)",
        link_into_this_site="[heron](/accounts/logout/)",
        link_to_an_anchor="[heron](#main)",
        link_with_a_zero_width_space=f"[heron](java\u200bscript:{BOOM})",
        link_closing_its_attribute=f'[heron](http://evil.invalid/" onclick="{BOOM})',
        image_of_script=f"![heron](javascript:{BOOM})",
        autolink_to_script=f"<javascript:{BOOM}>",
        autolink_with_a_quote=f'<heron@evil.invalid"onclick={BOOM}>',
        reference_to_script=f"[heron]\n\n[heron]: javascript:{BOOM}",
        reference_with_a_title=f"[heron]\n\n[heron]: http://evil.invalid 'onclick={BOOM}'",
        bare_link_with_a_quote=f'http://evil.invalid/"onmouseover="{BOOM}',
        bare_link_into_a_tag=f"http://evil.invalid/<script>{BOOM}</script>",
    ),
    Payload("link with a tab", f"[heron](java&#x09;script:{BOOM})", "heron"),
    Payload("link with a letter as entity", f"[heron](&#106;avascript:{BOOM})", "heron"),
    Payload("link with its colon as entity", f"[heron](javascript&colon;{BOOM})", "heron"),
    Payload("link with a quote in its title", f"[heron](http://evil.invalid 'x\" onmouseover=\"{BOOM}')", "heron"),
    Payload("link with a tag in its title", f'[heron](http://evil.invalid ">{SCRIPT}")', "heron"),
    Payload("link in a link", f"[heron [x](http://evil.invalid/1)](javascript:{BOOM})", f"](javascript:{BOOM})"),
    Payload("link around an image", "[![heron](http://evil.invalid/a.png)](http://evil.invalid)", "heron"),
    Payload("image from elsewhere", "![heron](http://evil.invalid/a.png)", "heron"),
    Payload("image with a tag in its words", f"![heron{IMAGE}](http://evil.invalid/a.png)", f"heron{IMAGE}"),
    Payload("link with a tag in its words", f"[heron{IMAGE}](http://evil.invalid)", f"heron{IMAGE}"),
    Payload("autolink closing its attribute", f'<http://evil.invalid/"onclick="{BOOM}>', f'/"onclick="{BOOM}'),
    Payload("link to a lookalike", "[heron](https://\u0430pple.invalid/)", "heron"),
]

TEMPLATES = raw(
    template_expressions="{{7+7}} {{ constructor.constructor('heron')() }} ${7+7} #{7+7} <%= 7+7 %>",
    template_tags='{% load static %}{% include "heron.html" %}{{ request.user.password|safe }}{% endblock %}',
    template_comment="{% comment %} heron {# heron #} {% verbatim %}",
    placeholders="%(name)s %s %d {0} {name!r} {0.format_map}",
    html_attributes_of_markdown=f'heron {{: onclick="{BOOM}" .source #main}} {{.scroll onclick={BOOM}}}',
)

PAGE = raw(
    htmx=f'<div hx-on:load="{BOOM}" hx-get="//evil.invalid/" hx-trigger="load">heron</div>',
    htmx_by_data=f'<div data-hx-on--load="{BOOM}" data-hx-get="/" data-hx-trigger="load">heron</div>',
    own_elements='<rank-board data-slots="9"><copy-button data-from="x">heron</copy-button></rank-board>',
    refresh='<meta http-equiv="refresh" content="0;url=//evil.invalid/">',
    base='<base href="//evil.invalid/" target="heron">',
    form=f"<form action=//evil.invalid/><button formaction=javascript:{BOOM}>heron</button></form>",
    field_of_the_form="<input form=ranking name=rank-1 value=1><button form=ranking>heron</button>",
    clobbering="<a id=ranking name=cookie>heron</a><form id=documentElement><input name=attributes></form>",
    stylesheet="<link rel=stylesheet href=//evil.invalid/a.css>",
    style="<style>@import '//evil.invalid/a.css'; * { display: none }</style>",
    style_over_everything='<p style="position:fixed;inset:0;background:url(//evil.invalid/)">heron</p>',
    style_with_expression=f'<p style="width: expression({BOOM}); -moz-binding: url(//evil.invalid)">heron</p>',
    source_set='<img srcset="//evil.invalid/a.png 1x"><picture><source srcset=//evil.invalid/b></picture>',
    frame=f'<iframe srcdoc="<script>parent.{BOOM}</script>"></iframe><iframe src=//evil.invalid/></iframe>',
    object=f'<object data="javascript:{BOOM}"></object><embed src=//evil.invalid/>',
    media="<video poster=//evil.invalid/a><audio src=//evil.invalid/b autoplay></audio></video>",
    background="<table background=//evil.invalid/><td>heron</td></table>",
    frames=f"<frameset onload={BOOM}><frame src=//evil.invalid/></frameset>",
    plain_text="<plaintext>heron <textarea>heron <title>heron <xmp>",
)

COMMENTS = [
    *raw(
        comment=f"<!-- heron -->{IMAGE}",
        comment_that_ends_at_once=f"<!-->{SCRIPT}-->",
        comment_with_a_bang=f"<!-- --!>{IMAGE} -->",
        conditional_comment=f"<!--[if IE]>{SCRIPT}<![endif]-->",
        cdata=f"<![CDATA[{SCRIPT}]]>",
        processing_instruction=f'<?xml-stylesheet href="javascript:{BOOM}"?>',
        doctype='<!DOCTYPE html [<!ENTITY heron "x">]>&heron;',
    ),
    *raw(
        entities="&lt;img src=x onerror=__ran(1)&gt; &#60;script&#62;__ran(1)&#x3c;/script>",
        entities_twice="&amp;lt;script&amp;gt;heron",
    ),
]

CHARACTERS = raw(
    full_width="\uff1cscript\uff1e__ran(1)\uff1c/script\uff1e heron",
    long_s=f"<\u017fcript>{BOOM}</\u017fcript>",
    utf_7="+ADw-script+AD4-__ran(1)+ADw-/script+AD4-",
    right_to_left_override="\u202e\u2066heron\u202d <b>",
    controls="heron\x01\x02\x08\x0e\x1b[31m\x7f\x80\x9f heron",
    not_characters="\ufeffheron\ufffe\uffff\U0001fffe",
    line_separators="heron\u2028heron\u2029heron\x85heron",
    joiners="her\u200bon her\u200don her\u00adon",
    marks_upon_marks="heron" + "\u0301\u0316" * 200,
)

FORMULAS = [
    Payload("formula with a link", rf"$\href{{javascript:{BOOM}}}{{heron}}$", "heron"),
    Payload("formula with a script", rf"$\text{{{SCRIPT}}}$", SCRIPT),
    Payload("formula that closes itself", rf"$\text{{</mtext></math>{IMAGE}}}$", f"</mtext></math>{IMAGE}"),
    Payload("formula with entities", r"$\text{&lt;img src=x onerror=__ran(1)&gt; &#x3c;b&#x3e;}$", "&lt;img src=x"),
    Payload("formula with a class", rf'$\class{{x" onclick="{BOOM}}}{{heron}}$', "heron"),
    Payload("formula with a style", r"$\style{position:fixed;inset:0}{heron}$", "heron"),
    Payload("formula with characters", r"$\unicode{x3c}script\unicode{x3e}$", "<script>"),
    Payload("formula with a colour", rf'$\color{{red" onclick="{BOOM}}}{{heron}}$', "heron"),
    Payload("formula with an operator", r"$\operatorname{heron}<script>$", "heron"),
    Payload("formula that hides", r"$\phantom{heron} \color{white}heron$"),
    Payload("formula far away", r"$\raise{99em}{heron} \hspace{9999em} \rule{999em}{999em}$", "heron"),
    Payload("formula that grows", f"${LAUGH} heron$"),
    Payload("formula that doubles", f"${DOUBLING}$"),
    Payload("formula in itself", r"$\newcommand{\x}{\x\x}\x heron$"),
    Payload("formula too deep", "$" + "{" * 900 + "heron" + "}" * 900 + "$"),
    Payload("formula too long", "$" + "heron+" * 2000 + "h$"),
    Payload("formula half open", r"\(\frac{heron}{\)"),
    Payload("formula with a file", r"$\includegraphics{http://evil.invalid/a.png}\htmlData{x=y}{heron}$"),
    Payload("matrix with a tag", rf"$\begin{{matrix}}\text{{</mtd>{SCRIPT}}}&b\\c&d\end{{matrix}}$", SCRIPT),
    Payload("formula of another name", rf"$$\begin{{script}}{BOOM}\end{{script}}$$"),
]

CODE = [
    Payload("fence with a quote", f'```python" onload="{BOOM}\nheron\n```', f'python" onload="{BOOM} heron'),
    Payload("fence with a tag", f"```{IMAGE}\nheron\n```", f"{IMAGE} heron"),
    Payload(
        "fence with attributes", f"``` {{.python onclick={BOOM}}}\nheron\n```", f"{{.python onclick={BOOM}}} heron"
    ),
    Payload("fence of html", f"```html\n{SCRIPT}{IMAGE}\n```", f"{SCRIPT}{IMAGE}"),
    Payload("fence of everything", f"~~~svg\n{IMAGE}\n</code></pre>{SCRIPT}", f"{IMAGE} </code></pre>{SCRIPT}"),
    Payload("fence half open", f"```js\n{SCRIPT} heron", f"{SCRIPT} heron"),
    Payload("code in a line", f"`{IMAGE}` ``</code>{SCRIPT}``", f"{IMAGE} </code>{SCRIPT}"),
    Payload("hostile python", "```python\n" + '"""' * 2000 + "heron\n```", "heron"),
    Payload("hostile java", "```java\n" + "\n" * 8000 + "heron\n```", "heron"),
]

BLOCKS = [
    Payload("heading with a tag", f"# {IMAGE}", IMAGE),
    Payload("quote with a tag", f"> {SCRIPT}\n>> {IMAGE}", f"{SCRIPT} {IMAGE}"),
    Payload("list with a tag", f"1. {SCRIPT}\n   - {IMAGE}", f"{SCRIPT} {IMAGE}"),
    Payload("table with a tag", f"|{SCRIPT}|heron|\n|-|:-:|\n|{IMAGE}|`<b>`|", f"{SCRIPT} heron {IMAGE} <b>"),
    Payload("emphasis with a tag", f"**<b onclick={BOOM}>heron** ~~<i>~~", f"<b onclick={BOOM}>heron <i>"),
    Payload("front matter", f"---\ntitle: {SCRIPT}\n---", f"title: {SCRIPT}"),
    Payload("footnote", f"heron[^1]\n\n[^1]: {SCRIPT}", f"[^1]: {SCRIPT}"),
]

# Of marks that nest, Markdown takes some away.
HUGE = [
    Payload("10,000 quotes", ">" * 10_000 + " heron", "> heron"),
    Payload("10,000 brackets", "[" * 10_000 + "heron"),
    Payload("10,000 stars", "*" * 10_000 + "heron", "heron"),
    Payload("5,000 lists", "- " * 5_000 + "heron", "- heron"),
    Payload("10,000 dollars", "$" * 9_999 + "heron"),
    Payload("5,000 formulas half open", r"\(" * 5_000 + "heron", "((((heron"),
    Payload("10,000 backticks", "`" * 10_000 + "heron", "heron"),
    Payload("5,000 links half open", "[heron](" * 5_000),
    Payload("3,000 addresses", "http://evil.invalid/(" * 3_000 + "heron"),
    Payload("5,000 tags", "<div>" * 5_000 + "heron"),
    Payload("5,000 cells", "|a" * 5_000 + "|\n" + "|-" * 5_000 + "|\n|heron|", "heron"),
    Payload("a word of 20,000 letters", "heron" * 4_000),
    Payload("more than anyone compares", "*heron* " * 15_000),
]
PAYLOADS = [
    *SCRIPTS, *HANDLERS, *FOREIGN, *MUTATIONS, *LINKS, *TEMPLATES, *PAGE, *COMMENTS, *CHARACTERS, *FORMULAS, *CODE,
    *BLOCKS, *HUGE,
]  # fmt: skip
