// What an actor says about itself: its subjects, with examples and schemas made of the author's own types. Never part of a turn.

package hydra

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// schemaDepthMax bounds how deep a schema goes into an author's types, which may contain themselves.
const schemaDepthMax = 8

// Description is what an actor says about itself: its subjects, with examples of the author's own types. Schemas are made
// of those types.
type Description struct {
	// About says in a sentence what the actor is.
	About string
	// Subjects are what it understands.
	Subjects []Subject
}

// Subject says what a message does, takes and gives.
type Subject struct {
	// Name is the message's subject.
	Name string
	// About says in a sentence what it does.
	About string
	// Body is an example of a body that it understands; nil: none.
	Body any
	// Reply is an example of what it replies; nil: nothing.
	Reply any
}

type shown struct {
	Schema  map[string]any `json:"schema"`
	Example any            `json:"example"`
}

// sdk is found in the compiled component by the host, which warns about a Go component without it: only this SDK collects
// garbage at the right time.
const sdk = `{"sdk":"hydra-sdk-go/0.1.0",`

// JSON is the description as the host reads it: {sdk, about, subjects: [{subject, about, body, reply}]}.
func (d Description) JSON() string {
	subjects := make([]map[string]any, 0, len(d.Subjects))
	for _, subject := range d.Subjects {
		said := map[string]any{"subject": subject.Name, "about": subject.About}
		for key, example := range map[string]any{"body": subject.Body, "reply": subject.Reply} {
			if example != nil {
				said[key] = shown{schema(reflect.TypeOf(example), 0), example}
			}
		}
		subjects = append(subjects, said)
	}
	text, err := toJSON(map[string]any{"about": d.About, "subjects": subjects})
	if err != nil {
		return ""
	}
	return sdk + string(text[1:])
}

// schema is the JSON Schema of what encoding/json makes of a type; empty where it cannot be known.
func schema(of reflect.Type, depth int) map[string]any {
	if of == reflect.TypeFor[time.Time]() {
		return map[string]any{"type": "string", "format": "date-time"}
	}
	if depth > schemaDepthMax || of.Implements(reflect.TypeFor[json.Marshaler]()) {
		return map[string]any{}
	}
	if of.Implements(reflect.TypeFor[encoding.TextMarshaler]()) {
		return map[string]any{"type": "string"}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return schema(of.Elem(), depth)
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Slice, reflect.Array:
		if of.Elem().Kind() == reflect.Uint8 && of.Kind() == reflect.Slice {
			return map[string]any{"type": "string", "contentEncoding": "base64"}
		}
		return map[string]any{"type": "array", "items": schema(of.Elem(), depth+1)}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schema(of.Elem(), depth+1)}
	case reflect.Struct:
		return object(of, depth)
	}
	return map[string]any{}
}

func object(of reflect.Type, depth int) map[string]any {
	properties := map[string]any{}
	required := []string{}
	for _, field := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !field.IsExported() || field.Anonymous && name == "" || name == "-" {
			continue
		}
		if name == "" {
			name = field.Name
		}
		properties[name] = schema(field.Type, depth+1)
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") && field.Type.Kind() != reflect.Pointer {
			required = append(required, name)
		}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}
