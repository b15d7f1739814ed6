"""What functions and databases agree on: names, users, ports, and whose certificates count."""

from __future__ import annotations

DATABASE = "holdfast"  # the schema that the resources' tables are in
OWNER = "holdfast_owner"  # master user; RDS allows 16 characters
# IAM database users, which have no password: the functions' (also the proxy's own), and one that sees the names of
# tables and no row.
APPLICATION_USER = "holdfast_app"
INVENTORY_USER = "holdfast_inventory"
# RDS signs the certificates of instances with roots of its own; a proxy's come from ACM.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.howitworks.html#rds-proxy-security.tls
INSTANCE_ROOTS = "handlers/certificates/rds.pem"
PROXY_ROOTS = "handlers/certificates/proxy.pem"
PROXY_PORT = 3306  # MySQL's own, whatever the port of the database behind it (network.py says more)
NOBODY = "unavailable.invalid"  # a host that can't exist; https://datatracker.ietf.org/doc/html/rfc6761#section-6.4
NO_DATABASE = "none"  # told as the host to functions of a deployment that has no database
