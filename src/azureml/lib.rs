//! A client of Azure Machine Learning's compute API, usable without Kubernetes.
