bulkhead matrix named.yaml
