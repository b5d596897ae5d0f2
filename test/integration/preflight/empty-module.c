/* A module of Redis with a name and nothing else. Its API is asked for by name, so that no header of Redis is needed:
 * the first pointer of a context is the function that gives it. https://redis.io/docs/reference/modules */
typedef int (*get_api)(const char *name, void *into);

int RedisModule_OnLoad(void *context, void **argv, int argc) {
  (void)argv;
  (void)argc;
  void (*set_attributes)(void *context, const char *name, int version, int api_version);
  get_api ask = (get_api)((void **)context)[0];
  ask("RedisModule_SetModuleAttribs", (void *)&set_attributes);
  set_attributes(context, "ferryempty", 3, 1);
  return 0;
}
