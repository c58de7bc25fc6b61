//! A real control plane, proxies and processes for the tests and the playground.
