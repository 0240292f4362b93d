bulkhead diff small.yaml wider.yaml --flows -
