"""An attack on the certificates: many points, each judged exactly by code of its own."""
