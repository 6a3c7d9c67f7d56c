"""A lab as a drawing: where its hosts stand, as SVG, and as text for Graphviz."""
