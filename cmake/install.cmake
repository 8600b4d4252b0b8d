# Installation, package config and packaging: filled in by the packaging work.
