"""A small document with one of everything that the gateway's body is made from."""

DOCUMENT = {
    "openapi": "3.0.1",
    "info": {"title": "Small", "version": "1", "description": "One of everything."},
    "tags": [],
    "paths": {
        "/health": {
            "get": {
                "operationId": "getHealth",
                "summary": "Is it up?",
                "description": "Is it up?",
                "tags": ["health"],
                "security": [],
                "parameters": [
                    {
                        "name": "deep",
                        "in": "query",
                        "required": False,
                        "description": "Ask the database, too.",
                        "schema": {"type": "boolean"},
                    }
                ],
                "responses": {"200": {"description": "It is."}},
                "x-holdfast-function": "report_health",
            }
        },
        "/items": {
            "post": {
                "operationId": "createItem",
                "summary": "Make one",
                "description": "Make one",
                "tags": ["items"],
                "security": [{"oauth": ["holdfast/items:write"]}],
                "parameters": [{"$ref": "#/components/parameters/IdempotencyKey"}],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewItem"}}},
                },
                "responses": {
                    "201": {"description": "Made."},
                    "400": {"$ref": "#/components/responses/BadRequest"},
                },
                "x-holdfast-function": "serve_resources",
            }
        },
        "/items/{item_id}": {
            "get": {
                "operationId": "getItem",
                "summary": "One",
                "description": "One",
                "tags": ["items"],
                "security": [{"oauth": ["holdfast/items:read"]}],
                "parameters": [
                    {
                        "name": "item_id",
                        "in": "path",
                        "required": True,
                        "description": "Which.",
                        "schema": {"type": "string", "pattern": "^[0-9A-Z]{26}$"},
                    }
                ],
                "responses": {"200": {"description": "It."}},
                "x-holdfast-function": "serve_resources",
            }
        },
        "/recovery-points": {
            "get": {
                "operationId": "listRecoveryPoints",
                "summary": "All",
                "description": "All",
                "tags": ["recovery-points"],
                "security": [{"oauth": ["holdfast/backups:read"]}],
                "parameters": [],
                "responses": {"200": {"description": "They."}},
                "x-holdfast-function": "serve_catalogue",
            }
        },
    },
    "components": {
        "parameters": {
            "IdempotencyKey": {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key, the same answer.",
                "schema": {"type": "string", "maxLength": 64},
            }
        },
        "responses": {
            "BadRequest": {
                "description": "Wrong.",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        },
        "schemas": {
            "Kind": {"type": "string", "enum": ["plain", "fancy"]},
            "NewItem": {
                "type": "object",
                "required": ["title"],
                "additionalProperties": False,
                "properties": {
                    "title": {"type": "string", "minLength": 1, "maxLength": 200, "example": "Tea"},
                    "note": {"type": "string", "nullable": True, "maxLength": 2000, "pattern": "^\\P{C}*$"},
                    "kind": {"$ref": "#/components/schemas/Kind"},
                },
            },
            "Problem": {"type": "object"},
        },
        "securitySchemes": {"oauth": {"type": "oauth2", "flows": {}}},
    },
}
