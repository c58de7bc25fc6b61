//! Kubernetes' vocabulary: the custom resources, their schemas and their conditions.
