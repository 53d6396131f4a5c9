"""A program that prints: GTK's dialog with one page behind it, for Debian's own Python.

It says on stdout, a JSON object a line, where on the screen the things with a text are, so that
a person at the mouse finds them whatever the theme and the fonts.
"""

import json
from typing import Any

import gi

gi.require_version("Gtk", "3.0")
from gi.repository import GLib, Gtk  # noqa: E402


def place(widget: Any, x: int, y: int) -> list[int]:
    """Return where a point of a widget is on the screen."""
    top = widget.get_toplevel()
    x, y = widget.translate_coordinates(top, x, y)
    _, left, above = top.get_window().get_origin()
    return [left + x, above + y]


def middle(widget: Any) -> list[int]:
    """Return the middle of a widget on the screen."""
    return place(widget, widget.get_allocated_width() // 2, widget.get_allocated_height() // 2)


def rows(tree: Any, found: dict[str, list[int]]) -> None:
    """Note the rows of a list by each text in them."""
    for row in tree.get_model() or ():
        area = tree.get_cell_area(row.path, tree.get_column(1))
        x, y = tree.convert_bin_window_to_widget_coords(area.x, area.y)
        for value in row:
            if isinstance(value, str) and value and area.height:
                found[value] = place(tree, x + area.width // 2, y + area.height // 2)


def entries(widget: Any) -> list[Any]:
    """Return the entries in a widget."""
    if isinstance(widget, Gtk.Entry):
        return [widget] if widget.get_mapped() else []
    found: list[Any] = []
    if isinstance(widget, Gtk.Container):
        widget.forall(lambda child: found.extend(entries(child)))
    return found


def walk(widget: Any, found: dict[str, list[int]]) -> None:
    """Note what can be seen and has a text; an entry goes by the label before it."""
    if not widget.get_mapped():
        return
    if isinstance(widget, Gtk.TreeView):
        rows(widget, found)
    elif isinstance(widget, Gtk.Label):
        for entry in entries(widget.get_mnemonic_widget()):
            found["entry " + widget.get_text().strip(": ")] = middle(entry)
        found[widget.get_text()] = middle(widget)
    if isinstance(widget, Gtk.Container):
        widget.forall(walk, found)


def say() -> bool:
    """Say where everything is."""
    found: dict[str, list[int]] = {}
    for top in Gtk.Window.list_toplevels():
        walk(top, found)
    print(json.dumps(found), flush=True)
    return True


def draw(_operation: Any, context: Any, _page: int) -> None:
    """Draw the page."""
    cairo = context.get_cairo_context()
    cairo.move_to(50, 50)
    cairo.show_text("Report")


operation = Gtk.PrintOperation(n_pages=1, job_name="Report")
operation.connect("draw-page", draw)
GLib.timeout_add(200, say)
operation.run(Gtk.PrintOperationAction.PRINT_DIALOG, None)
