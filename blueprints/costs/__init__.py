"""What a deployment costs: an estimate in USD, from the emitted templates, the settings and a dated table of prices.

``python build.py cost`` prints it (``command``); ``docs/costs.md`` shows it for each profile (``page``). Nothing here
asks AWS, a clock or the network: the same templates, settings and prices give the same estimate.
"""
