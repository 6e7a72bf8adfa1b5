"""Numbers from arrays alone: ranking, values, classification, lists as a whole, groups. Imports without torch."""
