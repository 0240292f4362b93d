sed s,Europe/Berlin,Asia/Kathmandu, zoned.yaml >other.yaml; bulkhead diff zoned.yaml other.yaml --at 2026-10-24T12:00Z
