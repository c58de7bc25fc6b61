//! What any controller process needs: telemetry, health endpoints, readiness and shutdown.
