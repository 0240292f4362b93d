bulkhead diff wider.yaml small.yaml
