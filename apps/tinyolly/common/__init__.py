"""What both modes share: settings, the telemetry domain, OTLP conversion and storage."""
