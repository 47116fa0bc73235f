"""The pages of each generator, cut down to their structure: what is read and what is furniture."""

import pytest

from index.core.formats.html import parse_html

ALABASTER = """<!DOCTYPE html><html><head><title>Install &#8212; Rocket 1.0</title></head><body>
<div class="document"><div class="documentwrapper"><div class="bodywrapper">
<div class="body" role="main">
<section id="install"><span id="setup"></span>
<h1>Install<a class="headerlink" href="#install" title="Link">¶</a></h1>
<p>Run the installer.</p>
<div class="toctree-wrapper compound"><ul><li><a href="x.html">Chapter</a></li></ul></div>
<section id="on-linux"><h2>On Linux<a class="headerlink" href="#on-linux">¶</a></h2>
<div class="highlight-sh"><div class="highlight"><pre><span></span>pip<span> </span>install
</pre></div></div></section></section>
</div></div></div>
<div class="sphinxsidebar" role="navigation"><h3>Navigation</h3><p>Quick search</p></div>
</div><div class="footer">&copy;2024 | Powered by Sphinx</div></body></html>"""

READ_THE_DOCS = """<html><head><title>Install &mdash; Rocket</title></head>
<body class="wy-body-for-nav">
<div class="wy-grid-for-nav"><nav class="wy-nav-side"><a href="#">Rocket</a></nav>
<section class="wy-nav-content-wrap"><div class="wy-nav-content"><div class="rst-content">
<div role="navigation" aria-label="Page"><ul class="wy-breadcrumbs"><li>Home</li></ul></div>
<div role="main" class="document" itemscope><div itemprop="articleBody">
<section id="install"><h1>Install<a class="headerlink" href="#install"></a></h1>
<p>Run the installer.</p>
<section id="on-linux"><h2>On Linux<a class="headerlink" href="#on-linux"></a></h2>
<div class="highlight"><pre>pip install
</pre></div></section></section>
</div></div><footer><div class="rst-footer-buttons"><a rel="next">Next</a></div></footer>
</div></div></section></div></body></html>"""

FURO = """<html><head><title>Install - Rocket</title></head><body>
<div class="page"><aside class="sidebar-drawer"><a>Rocket</a></aside>
<div class="main"><div class="content">
<div class="article-container"><a href="#" class="back-to-top muted-link">Back to top</a>
<div class="content-icon-container"><div class="view-this-page"><a>View this page</a></div></div>
<article role="main" id="furo-main-content">
<section id="install"><h1>Install<a class="headerlink" href="#install">¶</a></h1>
<p>Run the installer.</p>
<section id="on-linux"><h2>On Linux<a class="headerlink" href="#on-linux">¶</a></h2>
<div class="highlight"><pre>pip install
</pre></div></section></section></article></div>
<footer><div class="related-pages"><a>Next</a></div></footer></div>
<aside class="toc-drawer"><div class="toc-tree"><ul><li>On Linux</li></ul></div></aside>
</div></div></body></html>"""

BOOK = """<html><head><title>Install &#8212; Rocket</title></head><body>
<header class="bd-header">Search</header><main id="main-content" role="main" class="bd-main">
<div class="bd-header-article"><button>Download</button><a>Suggest edit</a></div>
<div id="jb-print-docs-body" class="onlyprint"><h1>Install</h1><h2> Contents </h2></div>
<div id="searchbox"></div>
<article class="bd-article"><section id="install">
<h1>Install<a class="headerlink" href="#install">#</a></h1><p>Run the installer.</p>
<section id="on-linux"><h2>On Linux<a class="headerlink" href="#on-linux">#</a></h2>
<div class="highlight"><pre>pip install
</pre></div></section></section></article>
<footer class="prev-next-footer"><a>previous</a></footer>
<div class="bd-sidebar-secondary bd-toc">On this page</div>
<footer class="bd-footer-content">By The Rocket Team</footer></main></body></html>"""

MKDOCS = """<html><head><title>Install - Rocket</title></head><body>
<div class="navbar"><a href="..">Rocket</a></div><div class="container"><div class="row">
<div class="col-md-3"><div class="bs-sidebar"><ul class="nav"><li>On Linux</li></ul></div></div>
<div class="col-md-9" role="main">
<h1 id="install">Install</h1><p>Run the installer.</p>
<h2 id="on-linux">On Linux</h2><pre><code class="language-sh">pip install
</code></pre></div></div></div>
<footer class="col-md-12"><hr><p>Documentation built with MkDocs</p></footer>
<div class="modal" id="mkdocs_search_modal" role="dialog"><h4>Search</h4></div></body></html>"""

MATERIAL = """<html><head><title>Install - Rocket</title></head><body>
<header class="md-header"><div class="md-header__title">Rocket</div></header>
<div class="md-container"><main class="md-main"><div class="md-main__inner">
<div class="md-sidebar"><nav class="md-nav">Home</nav></div>
<div class="md-content"><article class="md-content__inner md-typeset">
<a href="/edit" class="md-content__button md-icon" title="Edit">edit</a>
<h1 id="install">Install<a class="headerlink" href="#install">&para;</a></h1>
<p>Run the installer.</p>
<h2 id="on-linux">On Linux<a class="headerlink" href="#on-linux">&para;</a></h2>
<div class="highlight"><table class="highlighttable"><tr>
<td class="linenos"><div class="linenodiv"><pre><span>1</span></pre></div></td>
<td class="code"><div><pre><code>pip install
</code></pre></div></td></tr></table></div>
<aside class="md-source-file">Last update</aside></article></div></div></main>
<footer class="md-footer">Made with Material</footer></div></body></html>"""

DOCUSAURUS = """<html><head><title>Install | Rocket</title></head><body><div id="__docusaurus">
<nav class="navbar navbar--fixed-top">Rocket</nav><main class="docMainContainer_x"><div class="row">
<div class="col"><article>
<nav class="theme-doc-breadcrumbs"><ul class="breadcrumbs"><li>Docs</li></ul></nav>
<div class="theme-doc-toc-mobile tocMobile_x"><button>On this page</button></div>
<div class="theme-doc-markdown markdown"><header><h1>Install</h1></header><p>Run the installer.</p>
<h2 class="anchor" id="on-linux">On Linux<a href="#on-linux" class="hash-link"
 aria-label="Direct link">&#8203;</a></h2>
<div class="language-sh codeBlockContainer_x"><pre tabindex="0"><code><span class="token-line"
 style="color:red"><span class="token plain">pip install</span><br></span></code></pre>
<div class="buttonGroup"><button>Copy</button></div></div></div>
<footer class="theme-doc-footer">Edit this page</footer></article>
<nav class="pagination-nav">Next</nav></div>
<div class="col col--3"><div class="tableOfContents_x"><ul><li>On Linux</li></ul></div></div>
</div></main><footer class="footer">Copyright</footer></div></body></html>"""

PLAIN = """<html><head><title>Install</title></head><body><nav>Home</nav>
<h1><a name="install"></a>Install</h1><p>Run the installer.
<a name="on-linux"></a><h2>On Linux</h2><pre>pip install</pre><footer>bye</footer></body></html>"""


@pytest.mark.parametrize(
    ("page", "top"),
    [
        (ALABASTER, "install"),
        (READ_THE_DOCS, "install"),
        (FURO, "install"),
        (BOOK, "install"),
        (MKDOCS, "install"),
        (MATERIAL, "install"),
        (DOCUSAURUS, ""),
        (PLAIN, "install"),
    ],
    ids=["alabaster", "rtd", "furo", "book", "mkdocs", "material", "docusaurus", "plain"],
)
def test_every_generator_yields_the_same_page_without_its_furniture(page: str, top: str) -> None:
    parsed = parse_html(page)

    assert parsed.title == "Install"
    read = [
        (section.path, section.anchor, [(block.kind.value, block.text) for block in section.blocks])
        for section in parsed.sections
    ]
    assert read == [
        (("Install",), top, [("prose", "Run the installer.")]),
        (("Install", "On Linux"), "on-linux", [("code", "pip install")]),
    ]
