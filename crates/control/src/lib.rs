//! Control socket, show, clear and metrics.
