"""Numbers from arrays alone: ranking, values, classification, properties of lists, groups. Imports without torch."""
