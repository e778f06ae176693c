//! Worker loop, slow path, routing and ARP.
