"""From text, images, sound, attributes and behaviour to vectors. Imports without torch."""
