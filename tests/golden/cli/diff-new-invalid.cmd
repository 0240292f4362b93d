bulkhead diff small.yaml broken.yaml
