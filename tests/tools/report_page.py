"""A report's page taken apart, for tests of what is in it."""

import json
from html.parser import HTMLParser


class Page(HTMLParser):
    """The parts of a page that the tests look at."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.rows, self.tags, self.scripts, self.text = [], [], [], []
        self._row = self._script = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "tr" and "data-engine" in attributes:
            self._row = {"engine": attributes["data-engine"], "cells": {}}
            self.rows.append(self._row)
        if tag == "td" and self._row is not None and "data-key" in attributes:
            self._row["cells"][attributes["data-key"]] = attributes["data-value"]
        self._script = attributes if tag == "script" else None

    def handle_endtag(self, tag):
        if tag == "tr":
            self._row = None
        if tag == "script":
            self._script = None

    def handle_data(self, data):
        if self._script is not None:
            self.scripts.append((self._script, data))
        else:
            self.text.append(data)

    def data(self, name):
        """The JSON that stands in a script element."""
        return json.loads(next(text for attrs, text in self.scripts if attrs.get("id") == name))
