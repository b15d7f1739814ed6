"""The whole platform on one machine, without an AWS account: ``python -m sandbox``."""
