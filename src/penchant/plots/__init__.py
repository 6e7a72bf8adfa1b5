"""Figures and pages: a table in, an SVG or an HTML text out. Imports without torch, needs no network."""
