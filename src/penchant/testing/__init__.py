"""Contract suites: what every encoder, model, store and index must do. Only tests import this."""
