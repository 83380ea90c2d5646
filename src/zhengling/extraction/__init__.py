"""A loaded model that turns texts into records."""
