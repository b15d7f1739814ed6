"""CloudFormation stacks, one module each; a blueprint is a function from settings to a template."""
