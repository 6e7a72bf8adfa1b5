"""From text, pictures, sound, attributes and behaviour to vectors. Imports without torch."""
