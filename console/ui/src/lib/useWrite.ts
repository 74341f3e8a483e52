import { type UseMutationOptions, type UseMutationResult, useMutation } from "@tanstack/react-query";
import { App } from "antd";
import { errorText } from "@/components/states";

/**
 * A write: every change that the console makes goes through here. A failure is said in a message, and the button is free
 * again at once. (A mutation waits for what its callbacks return, and Ant Design's `message.error()` returns a promise
 * that is kept when the message has gone: handing that back let every button spin for three seconds.)
 */
export function useWrite<Data, Variables = void>(
  options: Omit<UseMutationOptions<Data, Error, Variables>, "onError">,
): UseMutationResult<Data, Error, Variables> {
  const { message } = App.useApp();
  return useMutation({
    ...options,
    onError: (error) => {
      message.error(errorText(error));
    },
  });
}
