//! Azure Machine Learning's REST API on a laptop, checked against recorded traffic.
