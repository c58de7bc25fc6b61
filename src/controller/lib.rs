//! The engine: the only place where Kubernetes and Azure meet.
