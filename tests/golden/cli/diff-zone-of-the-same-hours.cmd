sed s,Europe/Berlin,Arctic/Longyearbyen, zoned.yaml >other.yaml; bulkhead diff zoned.yaml other.yaml --at 2026-10-24T12:00Z
