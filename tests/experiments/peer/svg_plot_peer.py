"""Parses a plot with awkward texts by Python's XML parser.

usage: svg_plot_peer.py REPORTS_PEER
"""

import subprocess
import sys
from xml.etree import ElementTree

SVG = "{http://www.w3.org/2000/svg}"


def main():
    document = subprocess.run([sys.argv[1], "plot"], capture_output=True, check=True).stdout
    root = ElementTree.fromstring(document)
    assert root.tag == SVG + "svg", root.tag
    texts = [element.text for element in root.iter(SVG + "text")]
    for expected in ["a < b & \"c\" > 'd' ]]>   é", "<x>", "return ± & more", "band </text>",
                     "bars"]:
        assert expected in texts, (expected, texts)
    assert root.find(SVG + "title").text == texts[0]
    assert len(list(root.iter(SVG + "circle"))) == 2 + 1  # two points and the legend
    print(f"well-formed, {len(list(root.iter()))} elements")


if __name__ == "__main__":
    main()
