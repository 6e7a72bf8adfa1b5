"""The look of every page, as one CSS text: colours, type, space, tables, figures, print."""

from __future__ import annotations

from penchant.plots.svg import MODALITIES

LIGHT = {
    "ink": "#16181d",
    "muted": "#5a5f69",
    "ground": "#fbfbf9",
    "surface": "#ffffff",
    "sunken": "#f3f2ee",
    "line": "#e3e2dc",
    "rule": "#8d9099",
    "accent": "#0f766e",
    "accent-soft": "#e3f1ef",
    "text": "#4f6bed",
    "image": "#d9822b",
    "audio": "#9b51b8",
    "behaviour": "#0f766e",
    "attributes": "#7a7f87",
    "c8": "#000000",
    "hatch": "rgba(255,255,255,.5)",
}
DARK = {
    "ink": "#e8e8e3",
    "muted": "#a2a6ae",
    "ground": "#14161a",
    "surface": "#1a1d22",
    "sunken": "#22262c",
    "line": "#2e3238",
    "rule": "#777c86",
    "accent": "#2dd4bf",
    "accent-soft": "#14302d",
    "c8": "#e8e8e3",
    "hatch": "rgba(20,22,26,.45)",
}
CATEGORIES = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
"""Okabe and Ito's colours in their order; the eighth is black, or near white on dark pages."""

_BASE = """
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:16px}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
body{margin:0;background:var(--ground);color:var(--ink);font:400 15px/1.5 Inter,"Source Sans 3",system-ui,-apple-system,
"Segoe UI","Noto Sans SC","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;
font-variant-numeric:tabular-nums;overflow-wrap:break-word;text-rendering:optimizeLegibility}
h1,h2,h3,h4{line-height:1.25;margin:0;font-weight:600;text-wrap:balance}
h1{font-size:36px;letter-spacing:-.02em}h2{font-size:24px;letter-spacing:-.01em}h3{font-size:18px}h4{font-size:15px}
:lang(zh){letter-spacing:0;font-style:normal}
h1:lang(zh),h2:lang(zh){letter-spacing:0}h2:lang(zh),h3:lang(zh),h4:lang(zh){text-wrap:pretty}
p{margin:0;max-width:72ch;text-wrap:pretty}:lang(zh) p{max-width:42em}
a{color:var(--accent);text-underline-offset:3px}
:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:4px}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"Noto Sans Mono CJK SC",monospace;font-size:13px}
code{background:var(--sunken);border-radius:4px;padding:2px 5px;overflow-wrap:anywhere}
pre{margin:0;padding:12px 16px;background:var(--sunken);border-radius:8px;white-space:pre-wrap;overflow-wrap:anywhere}
pre code{padding:0;background:none}
.skip{position:absolute;left:-9999px;top:0;padding:10px 16px;background:var(--surface);z-index:2}
.skip:focus{left:16px;top:8px}
.wrap{max-width:1072px;margin:0 auto;padding:0 32px}
.muted{color:var(--muted)}.small{font-size:13px}
.stack>*+*{margin-top:16px}.stack-l>*+*{margin-top:32px}
"""

_PARTS = """
.top{border-bottom:1px solid var(--line)}
.top .wrap{display:flex;flex-wrap:wrap;align-items:center;gap:0 24px;min-height:56px}
.brand{display:flex;align-items:center;gap:10px;font-weight:600;font-size:18px;margin-right:auto;min-height:56px}
.brand svg{display:block}
.brand span{font-weight:400;font-size:15px;color:var(--muted)}
.jump{display:flex;flex-wrap:wrap;gap:0 4px;margin:0 -10px}
.jump a{display:inline-flex;align-items:center;min-height:40px;padding:0 10px;color:var(--muted);text-decoration:none;
font-size:13px;border-radius:6px}
.jump a:hover{color:var(--ink);background:var(--sunken)}
.hero{padding:48px 0 40px}
.hero h1{max-width:27em}
.hero .about{margin-top:16px;color:var(--muted)}
.numbers{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));margin:40px 0 0;padding:0;
border-top:1px solid var(--line);border-bottom:1px solid var(--line)}
.numbers>div{padding:24px 24px 24px 0;display:flex;flex-direction:column}
.numbers>div+div{border-left:1px solid var(--line);padding-left:24px}
.numbers dt{order:2;font-weight:600;margin-top:8px}
.numbers dd{margin:0}.numbers dd.value{order:1;font-size:36px;line-height:1.25;font-weight:600;letter-spacing:-.02em}
.numbers>div:first-child .value{color:var(--accent)}
.numbers dd.note{order:3;font-size:13px;color:var(--muted)}
.card{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:32px;margin:0 0 24px}
.card>*+*,.inside>*+*{margin-top:16px}.card>h2+p{margin-top:4px}
.card>h2+figure{margin-top:16px}.inside>figure:first-child{margin-top:0}
details.card{padding:0}details.card>.inside{margin:0}
summary{display:grid;grid-template-columns:1fr auto;gap:4px 24px;align-items:center;padding:20px 32px;cursor:pointer;
list-style:none;min-height:40px;border-radius:10px}
summary::-webkit-details-marker{display:none}
summary h2{font-size:18px}summary .small{grid-column:1}
summary::after{content:"";grid-column:2;grid-row:1/span 2;width:9px;height:9px;border:solid var(--muted);
border-width:0 2px 2px 0;transform:rotate(45deg);margin:-4px 4px 0}
details[open]>summary::after{transform:rotate(225deg);margin-top:4px}
summary:hover h2{color:var(--accent)}
.inside{scroll-margin-top:88px;padding:12px 32px 32px}
.inside>h3:not(:first-child){margin-top:40px}
.inside>h3+*{margin-top:12px}figcaption h3+p{margin-top:4px}
.inside>figure+figure{margin-top:40px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(340px,100%),1fr));gap:32px}
.pair>*{margin:0!important;min-width:0}
.scroll{overflow-x:auto;margin-top:16px;border-radius:4px}
table{border-collapse:collapse;width:100%;font-size:15px}
caption{text-align:left;color:var(--muted);font-size:13px;padding:0 0 8px}
th,td{padding:10px 12px;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{font-size:13px;font-weight:600;color:var(--muted);vertical-align:bottom;border-bottom-color:var(--rule)}
tbody th{font-weight:400}
th:first-child,td:first-child{padding-left:0}th:last-child,td:last-child{padding-right:0}
tbody tr:last-child>*{border-bottom:0}
.num{text-align:right;white-space:nowrap}
td .range,td .sub,th .sub{color:var(--muted);font-size:13px;font-weight:400}
td .range{display:block}@media (min-width:1100px){td .range{display:inline;margin-left:8px}}
.swatch{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:8px}
tbody th:first-child{min-width:9.5em}td .sub,th .sub{display:block}
tr.chosen>*{background:var(--accent-soft)}
tr.chosen>:first-child{box-shadow:inset 3px 0 var(--accent);padding-left:12px}
tr.chosen th .name{font-weight:600}
td b{font-weight:700}
td .cell{display:inline-block;min-width:3.5em;padding:2px 8px;border-radius:4px}
.facts{display:grid;grid-template-columns:minmax(9em,max-content) 1fr;gap:8px 24px;margin:0}
.facts dt{color:var(--muted)}.facts dd{margin:0;min-width:0}
.notes{color:var(--muted);font-size:13px;margin:0;padding-left:20px;max-width:72ch}.notes li+li{margin-top:4px}
.empty{border:1px dashed var(--rule);border-radius:10px;padding:24px;display:grid;
grid-template-columns:auto 1fr;gap:4px 16px;align-items:start}
.empty svg{grid-row:1/span 3;color:var(--muted)}
.empty p{color:var(--muted)}.empty pre{margin-top:8px}
.chips{display:flex;flex-wrap:wrap;gap:8px;list-style:none;margin:0;padding:0}
.chips li{border:1px solid var(--line);border-radius:16px;padding:3px 12px;font-size:13px;max-width:100%}
.ranked{list-style:none;margin:16px 0 0;padding:0}
.gallery{list-style:none;margin:16px 0 0;padding:0;display:grid;gap:24px;
grid-template-columns:repeat(auto-fill,minmax(min(240px,100%),1fr))}
.gallery li{display:flex;flex-direction:column;gap:4px;min-width:0}
.gallery img{border-radius:8px;border:1px solid var(--line);object-fit:contain;background:var(--sunken)}
.gallery .title{font-weight:600;margin-top:4px}.gallery audio{width:100%;max-width:300px;height:40px;margin-top:4px}
.hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.lately{margin-top:12px}.chips{margin-top:4px!important}
.ranked>li{display:grid;grid-template-columns:28px minmax(0,1fr) minmax(0,352px);gap:4px 16px;padding:16px 0;
border-top:1px solid var(--line)}
.ranked .rank{color:var(--muted);font-size:18px;line-height:1.25}
.ranked .chart,.ranked .bar{grid-column:3;grid-row:1}
.ranked ul{margin:4px 0 0;padding:0;list-style:none;color:var(--muted);font-size:13px}
footer{border-top:1px solid var(--line);margin-top:40px;padding:24px 0 40px;color:var(--muted);font-size:13px}
"""

_FIGURES = """
figure{margin:32px 0 0}figcaption{margin-bottom:16px}figcaption p{color:var(--muted);margin-top:4px;font-size:13px}
.chart{display:block;width:100%;height:auto;font-size:13px;overflow:visible}
.sizes>.chart{display:none}.sizes>.narrow{display:block;max-width:440px}
@media (min-width:640px){.sizes>.narrow{display:none}.sizes>.medium{display:block;max-width:760px}}
@media (min-width:960px){.sizes>.medium{display:none}.sizes>.wide{display:block;max-width:960px}}
.one>.chart{display:none}.one>.narrow{display:block;max-width:400px}
@media (min-width:500px){.one>.narrow{display:none}.one>.column{display:block;max-width:440px}}
.chart text{fill:var(--ink);stroke:none}.chart text.muted{fill:var(--muted)}.chart text.strong{font-weight:600}
.chart text.accent{fill:var(--accent);font-weight:600}
.chart .halo{paint-order:stroke;stroke:var(--surface);stroke-width:4px;stroke-linejoin:round}
.chart.comparison text.accent.halo{stroke:var(--accent-soft)}
.chart .grid{stroke:var(--line)}.chart .zero{stroke:var(--rule)}
.chart .stripe{fill:var(--accent-soft)}
.chart .track{fill:var(--sunken)}
.chart .range{stroke:var(--rule);stroke-width:2px;stroke-linecap:round}
.chart .range.chosen{stroke:var(--accent);stroke-width:3px}
.chart .guide{stroke:var(--rule);stroke-dasharray:3 4}
.chart .dot{fill:var(--muted)}.chart .dot.chosen{fill:var(--accent)}.chart .dot.hollow{fill:var(--surface);
stroke:var(--muted);stroke-width:2px}
.chart .series{stroke-width:2px;stroke-linejoin:round;stroke-linecap:round}
.chart .series.chosen{stroke:var(--accent);stroke-width:3px}
.chart .series.dash1{stroke-dasharray:7 4}.chart .series.dash2{stroke-dasharray:2 4}
.chart .series.dash3{stroke-dasharray:9 3 2 3}
.chart .tick{stroke:var(--ink);stroke-opacity:.55}
.chart .tick.strong{stroke-opacity:1;stroke-width:2px}
.chart .leader{stroke:var(--rule);fill:none}
.chart .seam{stroke:var(--surface);stroke-width:1px;stroke-linejoin:round}
.hatch{stroke:var(--hatch);stroke-width:1.6px;fill:var(--hatch)}
"""

_NARROW = """
@media (max-width:960px){th,td{padding:10px 8px}.wrap{padding:0 24px}.card{padding:24px}
summary{padding:16px 24px}.inside{padding:8px 24px 24px}
.ranked>li{grid-template-columns:24px minmax(0,1fr) minmax(0,288px)}}
@media (max-width:720px){
.wrap{padding:0 16px}.top .wrap{padding-bottom:4px}.jump a{padding:0 8px}.jump{gap:0}.brand{min-height:48px}
.hero{padding:32px 0 24px}h1{font-size:24px}h2{font-size:18px}
.numbers{grid-template-columns:1fr;margin-top:24px}
.numbers>div{padding:16px 0}.numbers>div+div{border-left:0;border-top:1px solid var(--line);padding-left:0}
.card{padding:24px 16px;margin-bottom:16px}summary{padding:16px}.inside{scroll-margin-top:88px;padding:0 16px 24px}
.scroll{margin-right:-16px;padding-right:16px}
.scroll table{min-width:max-content}
.scroll tbody th:first-child,.scroll thead th:first-child{position:sticky;left:0;background:var(--surface);
max-width:42vw;z-index:1}
.scroll tr.chosen th:first-child{background:var(--accent-soft)}
.facts{grid-template-columns:1fr;gap:0}.facts dd{margin-bottom:12px}
.ranked>li{grid-template-columns:20px minmax(0,1fr);gap:8px}
.ranked .chart,.ranked .bar{grid-column:2;grid-row:auto}
.empty{grid-template-columns:1fr;padding:16px}.empty svg{grid-row:auto}
}
"""

_PRINT = """
@media print{
@page{margin:16mm 14mm}
body{font-size:11pt;-webkit-print-color-adjust:exact;print-color-adjust:exact}
.jump,.skip{display:none}
.wrap{padding:0;max-width:none}.hero{padding:16px 0 24px}h1{font-size:24px}
.card{break-inside:auto;border-width:0 0 1px;border-radius:0;padding:16px 0}
summary{padding:8px 0}summary::after{display:none}.inside{scroll-margin-top:88px;padding:0 0 16px}
figure,tr,.ranked>li,.numbers,.empty,.chips{break-inside:avoid}
h2,h3,figcaption,summary,.lately,.chips{break-after:avoid}
details::details-content{content-visibility:visible!important;block-size:auto!important;display:block!important}
.scroll{overflow:visible}table{font-size:10pt}
.sizes>.chart,.one>.chart{display:none!important}.sizes>.medium{display:block!important;max-width:600px}
.one>.column{display:block!important;max-width:100%}.pair{grid-template-columns:1fr 1fr;gap:24px}
a{color:inherit}
}
"""


def stylesheet() -> str:
    """The whole CSS text: variables for light and dark, then the rules that use them."""
    light = _variables(LIGHT | {f"c{n}": colour for n, colour in enumerate(CATEGORIES, 1)})
    dark = _variables(DARK)
    modalities = "".join(
        f".chart .m-{name}{{fill:var(--{name})}}.swatch.m-{name}{{background:var(--{name})}}" for name in MODALITIES
    )
    series = "".join(
        f".chart .c{n}{{fill:var(--c{n})}}.chart .s{n}{{stroke:var(--c{n})}}" for n in range(1, len(CATEGORIES) + 2)
    )
    other = ".chart .c0{fill:var(--rule)}.chart .s0{stroke:var(--rule)}"
    screen_dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return (
        f":root{{color-scheme:light dark;{light}}}{screen_dark}"
        f"{_BASE}{_PARTS}{_FIGURES}{modalities}{series}{other}{_NARROW}{_PRINT}"
    )


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in colours.items())
