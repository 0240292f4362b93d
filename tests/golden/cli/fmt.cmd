bulkhead fmt wider.yaml
