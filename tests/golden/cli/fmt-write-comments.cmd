bulkhead fmt --write commented.yaml
